//! The same training steps in candle's words: its layouts, its gradients, its products.

use candle_core::{Device, Result, Tensor, Var};

use super::models::{ADAMW, CLASSES, CNN, CNN_BATCH, Decoder, MLP, MLP_BATCH, MOMENTUM, RATE, SIDE};
use super::models::{cnn_shapes, decoder_shapes, images, initial, labels, mlp_shapes};

type Forward = Box<dyn Fn(&[Var]) -> Result<Tensor>>;

/// A model with its optimiser's state.
pub struct Model {
    parameters: Vec<Var>,
    /// Velocities, or first and second moments.
    moments: Vec<Vec<Tensor>>,
    powers: [f64; 2],
    loss: Forward,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Model of {} parameters", self.parameters.len())
    }
}

impl Model {
    fn of(shapes: &[Vec<u32>], moments: usize, loss: Forward) -> Result<Self> {
        let tensor = |of: &crate::exec::Tensor| {
            let shape: Vec<usize> = of.shape().iter().map(|&n| n as usize).collect();
            match shape[..] {
                // Its convolutions read [outputs, inputs, height, width].
                [ky, kx, inputs, outputs] => Tensor::from_slice(of.floats(), (outputs, inputs, ky, kx), &Device::Cpu),
                _ => Tensor::from_slice(of.floats(), shape, &Device::Cpu),
            }
        };
        let parameters = initial(shapes).iter().map(|of| Var::from_tensor(&tensor(of)?)).collect::<Result<Vec<_>>>()?;
        let zeros = || parameters.iter().map(|of| of.zeros_like()).collect::<Result<Vec<_>>>();
        let moments = (0..moments).map(|_| zeros()).collect::<Result<Vec<_>>>()?;
        Ok(Self { parameters, moments, powers: [1.0; 2], loss })
    }

    pub fn mlp() -> Result<Self> {
        let x = Tensor::from_vec(images(MLP_BATCH), (MLP_BATCH as usize, MLP[0] as usize), &Device::Cpu)?;
        let labels = Tensor::from_vec(labels(MLP_BATCH, CLASSES), (MLP_BATCH as usize, 1), &Device::Cpu)?;
        let loss = move |p: &[Var]| {
            let mut y = x.clone();
            for (index, layer) in p.chunks(2).enumerate() {
                y = y.matmul(&layer[0])?.broadcast_add(&layer[1])?;
                if index + 2 < MLP.len() {
                    y = y.relu()?;
                }
            }
            cross_entropy(&y, &labels)
        };
        Self::of(&mlp_shapes(), 1, Box::new(loss))
    }

    pub fn cnn() -> Result<Self> {
        let side = SIDE as usize;
        let x = Tensor::from_vec(images(CNN_BATCH), (CNN_BATCH as usize, 1, side, side), &Device::Cpu)?;
        let labels = Tensor::from_vec(labels(CNN_BATCH, CLASSES), (CNN_BATCH as usize, 1), &Device::Cpu)?;
        let loss = move |p: &[Var]| {
            let mut y = x.clone();
            for (layer, channels) in p[..4].chunks(2).zip(&CNN[1..]) {
                let bias = layer[1].reshape((1, *channels as usize, 1, 1))?;
                y = y.conv2d(&layer[0], 1, 1, 1, 1)?.broadcast_add(&bias)?.relu()?.max_pool2d(2)?;
            }
            cross_entropy(&y.flatten_from(1)?.matmul(&p[4])?.broadcast_add(&p[5])?, &labels)
        };
        Self::of(&cnn_shapes(), 1, Box::new(loss))
    }

    pub fn decoder(of: Decoder) -> Result<Self> {
        let [batch, time, width, heads] = [of.batch, of.time, of.width, of.heads].map(|n| n as usize);
        let text = |seed: u32| labels(of.batch * of.time + seed, of.vocabulary)[seed as usize..].to_vec();
        let ids = Tensor::from_vec(text(0), batch * time, &Device::Cpu)?;
        let targets = Tensor::from_vec(text(1), (batch * time, 1), &Device::Cpu)?;
        let later = |q: usize| (0..time).map(move |k| if k <= q { 0.0f32 } else { f32::NEG_INFINITY });
        let mask = Tensor::from_vec((0..time).flat_map(later).collect(), (time, time), &Device::Cpu)?;
        let loss = move |p: &[Var]| {
            let mut next = p.iter();
            let mut two = || next.next().zip(next.next()).map(|(a, b)| (a.as_tensor().clone(), b.as_tensor().clone())).ok_or_else(missing);
            let (table, places) = two()?;
            let mut y = table.index_select(&ids, 0)?.reshape((batch, time, width))?.broadcast_add(&places)?;
            for _ in 0..of.blocks {
                let normal = layer_norm(&y, &two()?)?.reshape((batch * time, width))?;
                let mut head = || -> Result<Tensor> {
                    let (weight, bias) = two()?;
                    let projected = normal.matmul(&weight)?.broadcast_add(&bias)?;
                    projected.reshape((batch, time, heads, width / heads))?.transpose(1, 2)?.contiguous()
                };
                let (query, key, value) = (head()?, head()?, head()?);
                let scores = (query.matmul(&key.t()?)? * (1.0 / ((width / heads) as f64).sqrt()))?;
                let attended = softmax(&scores.broadcast_add(&mask)?)?.matmul(&value)?;
                let joined = attended.transpose(1, 2)?.reshape((batch * time, width))?;
                let (weight, bias) = two()?;
                y = (y + joined.matmul(&weight)?.broadcast_add(&bias)?.reshape((batch, time, width))?)?;
                let normal = layer_norm(&y, &two()?)?.reshape((batch * time, width))?;
                let ((up, up_bias), (down, down_bias)) = (two()?, two()?);
                let wide = normal.matmul(&up)?.broadcast_add(&up_bias)?.gelu_erf()?;
                y = (y + wide.matmul(&down)?.broadcast_add(&down_bias)?.reshape((batch, time, width))?)?;
            }
            let normal = layer_norm(&y, &two()?)?.reshape((batch * time, width))?;
            let (weight, bias) = two()?;
            cross_entropy(&normal.matmul(&weight)?.broadcast_add(&bias)?, &targets)
        };
        Self::of(&decoder_shapes(of), 2, Box::new(loss))
    }

    /// Forward, backward, optimiser; the loss.
    pub fn step(&mut self) -> Result<f32> {
        let loss = (self.loss)(&self.parameters)?;
        let gradients = loss.backward()?;
        self.powers = [self.powers[0] * f64::from(ADAMW.beta1), self.powers[1] * f64::from(ADAMW.beta2)];
        for (index, parameter) in self.parameters.iter().enumerate() {
            let gradient = gradients.get(parameter).ok_or_else(missing)?;
            let next = match &mut self.moments[..] {
                [velocities] => {
                    velocities[index] = ((&velocities[index] * f64::from(MOMENTUM))? + gradient)?;
                    (parameter.as_tensor() - (&velocities[index] * f64::from(RATE))?)?
                }
                [first, second] => {
                    let (beta1, beta2) = (f64::from(ADAMW.beta1), f64::from(ADAMW.beta2));
                    first[index] = ((&first[index] * beta1)? + (gradient * (1.0 - beta1))?)?;
                    second[index] = ((&second[index] * beta2)? + (gradient.sqr()? * (1.0 - beta2))?)?;
                    let mean = (&first[index] / (1.0 - self.powers[0]))?;
                    let deviation = ((&second[index] / (1.0 - self.powers[1]))?.sqrt()? + f64::from(ADAMW.epsilon))?;
                    let kept = (parameter.as_tensor() * (1.0 - f64::from(RATE) * f64::from(ADAMW.decay)))?;
                    (kept - ((mean / deviation)? * f64::from(RATE))?)?
                }
                _ => return Err(missing()),
            };
            parameter.set(&next)?;
        }
        loss.to_scalar()
    }
}

fn missing() -> candle_core::Error {
    candle_core::Error::Msg("a parameter, its gradient or its moments are missing".to_owned())
}

fn softmax(x: &Tensor) -> Result<Tensor> {
    let terms = x.broadcast_sub(&x.max_keepdim(3)?.detach())?.exp()?;
    terms.broadcast_div(&terms.sum_keepdim(3)?)
}

fn layer_norm(x: &Tensor, (gain, bias): &(Tensor, Tensor)) -> Result<Tensor> {
    let centred = x.broadcast_sub(&x.mean_keepdim(2)?)?;
    let deviation = (centred.sqr()?.mean_keepdim(2)? + 1e-5)?.sqrt()?;
    centred.broadcast_div(&deviation)?.broadcast_mul(gain)?.broadcast_add(bias)
}

fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let shifted = logits.broadcast_sub(&logits.max_keepdim(1)?.detach())?;
    let normal = shifted.broadcast_sub(&shifted.exp()?.sum_keepdim(1)?.log()?)?;
    normal.gather(labels, 1)?.mean_all()?.neg()
}
